"""The report for whoever decides whether the fallback may be deleted: documents in, one document out."""
