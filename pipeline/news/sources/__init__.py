"""Where articles come from. A source is one module with one class; `sources.toml` names those that run."""
