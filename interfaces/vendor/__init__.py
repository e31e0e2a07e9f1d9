"""Files of others that pages load, so that no page loads anything from elsewhere.

`vendor.lock` has the package, its version and the hash of each file. `make vendor` fetches them anew, and a test
compares them with the lock. Their licences are beside them.
"""
