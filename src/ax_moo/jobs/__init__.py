"""Jobs and launchers: the protocol of an asynchronous launcher, an adapter for any other, and the jobs' folders."""
