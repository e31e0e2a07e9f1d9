"""What may be asked: commands on the aggregates, the permission table, ports and process managers.

No technology and no wire format may appear here.
"""
