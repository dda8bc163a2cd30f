"""Where jobs that were submitted by an earlier version, and wait or requeue, look for their program."""

from ax_moo_launchers.job.task import main

if __name__ == "__main__":
    main()
