"""What the operator wants done after a publish: commands with the run's JSON. What fails there fails nothing else."""
