"""`kvferry rekey` as calls: copy under new names, look again, and delete the old ones after the switch."""
