"""Nothing in this folder is a test: `python tests/mutation` measures what the tests notice."""

collect_ignore_glob = ["*"]
