"""The session store as source in an application: `kvferry store`."""
