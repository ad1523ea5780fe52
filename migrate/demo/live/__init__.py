"""`kvferry demo --live`: an application under load goes through all stages while its sessions are copied."""
