// Package realnode contains tests of package chain on a real geth in this process. They take longer to build than tests
// on a model chain (chain/chaintest), so they are not in package chain. The package contains no product code.
package realnode
