"""Databases that earlier versions left behind, and the present code started on them."""
