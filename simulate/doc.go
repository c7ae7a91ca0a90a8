// Package simulate holds the simulator: tests that run the real pool, follower, cross-check, verifier, store,
// activities and payment rules on a model chain with forks, on nodes that fail and lie, and in processes that are
// killed. It has no product code. README.md says what is real, what is modelled and what is left out.
package simulate
