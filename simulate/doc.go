// Package simulate holds the simulator: tests that run the real pool, follower, cross-check, verifier, store and payment
// rules on a model chain with forks, on nodes that fail and lie, and in processes that are killed. There is no product code here.
package simulate
