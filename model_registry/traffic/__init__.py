"""Traffic of a model between its versions: rules, shadowing, rollouts and their guards."""
