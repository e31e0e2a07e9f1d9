"""Identity providers over HTTP whose user the test chooses: OpenID Connect by authlib, and GitHub."""
