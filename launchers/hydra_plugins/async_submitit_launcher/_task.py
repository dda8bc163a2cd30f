"""The program of jobs that an earlier version has submitted, and that still wait or requeue."""

from ax_moo_launchers.job.task import main

if __name__ == "__main__":
    main()
