// Package realnode holds tests of package chain on a real geth that runs in this process. They are slower to build than
// those with a model chain (chain/chaintest), so they are not part of chain's own tests. There is no product code here.
package realnode
