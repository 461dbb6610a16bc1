"""Articles from the world: fetched, cleaned, told apart, scored. Everything a source says is hostile until proven plain."""
