"""`make bench`: kvferry's speed and memory against what people use today, as ratios."""
