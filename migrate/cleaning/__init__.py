"""`kvferry cleanup` as calls: what may go, a look beforehand, the removing, and a look afterwards."""
