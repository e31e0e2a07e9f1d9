"""What every process needs: its home directory, its clock, background tasks, and event loops in threads of their own.

Nothing here may import another package of `infra/`.
"""
