"""Jobs that are processes of this machine, for `async_local`."""
