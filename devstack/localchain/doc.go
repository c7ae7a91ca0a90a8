// Package localchain runs a private Ethereum chain inside this process: a real geth that produces blocks on a timer or
// on demand, with a USDT-like token deployed on it. It is meant for `paycow dev` and for tests. Its money is worth
// nothing.
//
// # Durability
//
// The node is an archive node: every block's state is on disk before the block becomes the head, and the database's log
// is flushed to disk before mining returns. Killing the process (SIGKILL) therefore loses at most the block that was
// being mined, and the transactions still in the pool, which is kept in memory only.
//
// # The chain's clock
//
// A block's timestamp is the wall clock's time, but at least one second after its parent's: Ethereum counts whole
// seconds, and nodes refuse two blocks in the same second. So N blocks always take N seconds of chain time, however
// fast they are mined. With a BlockTime below one second, and after Mine(many), the chain's clock therefore runs ahead
// of the wall clock. With a BlockTime of a second or more it falls back: while it is ahead, every tenth block is left
// out. A reorg gives the new blocks the timestamps of those they replace, so it adds one second at most.
//
// # Finality
//
// The block 64 below the head is finalized, and the block 32 below it is safe, as is usual on mainnet. A reorg that
// would replace a finalized block is refused, so the greatest depth is 64.
package localchain
