"""What every process stands on: its home directory, background tasks, and event loops in threads of their own.

Nothing here may import another package of `infra/`.
"""
