// Package chaintest is a model of Ethereum for tests: a chain with forks, receipts and bloom filters, nodes that lag,
// fail and lie about it, and a store in memory. What a node does follows from its fields and its seed alone, so a test
// that failed can be repeated exactly.
package chaintest
