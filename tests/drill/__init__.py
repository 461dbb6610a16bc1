"""The drill: everything the pipeline stands on is killed or stalled under load, and afterwards every trade is accounted for."""
