// Package chain is PayCow's side of Ethereum: it reads the transfers of one token from several RPC nodes that it does
// not trust, verifies a transfer before it is credited, and derives deposit addresses.
//
// # What is read
//
// A Follower reads every block after the cursor exactly once, in order: the header by number, whose parent hash must
// be the hash of the block before it, then the token's Transfer logs and administrative events by the block's hash.
// When the cursor is more than 64 blocks behind the head, it reads ranges of up to 2000 blocks instead, and only below
// the finalized block. The cursor and what the block contains for us are stored in one transaction.
//
// The first block is the last one that is at least 10 minutes older than the oldest payment, or the head if there is
// no payment. How old the payment is counts from the head too, because our clocks may be wrong; if it is one of the
// future, the block is a day older than the head. At least a quorum of nodes must have that block.
//
// # How often
//
// A subscription to new heads starts each read where a node offers one; then the head is also asked for when it is
// overdue. Without it the head is asked for twice in a block's time, between 100 ms and 4 s. A block costs one or two
// calls, however many payments are open. The finalized block is asked for once a minute.
//
// # What a caller may rely on
//
//   - Everything up to the cursor is in the store, including after a crash. Two followers on one store lose nothing:
//     each write names the cursor that it expects.
//   - An empty list of logs is believed only if the header's bloom filter does not match the token's watched logs, or
//     if the block's receipts, whose own bloom filter must equal the header's, contain none. Otherwise other nodes are
//     asked, and reading waits. After two minutes the alarm BLOCK_DOUBTFUL is raised.
//   - After a reorg the cursor moves back to the newest stored block that is still canonical, found in a logarithmic
//     number of calls, and what was stored above it is marked as not canonical. Above the agreed block one node's
//     branch is followed. What the quorum agreed on is taken back only for a branch that a quorum has; a node with
//     another one is left out, and reading goes on from the others. The cursor never moves back below the finalized
//     block: when a quorum has another branch there, reading stops and the alarm REORG_BELOW_FINALITY halts
//     crediting until an admin resolves it, which accepts that branch and no other.
//   - The agreed mark of the cursor is the newest block up to which a quorum of nodes returned the same transfers,
//     block hashes, times and receipts roots. With a quorum of one it is the cursor. Nothing may expire above it. When
//     the nodes have not agreed for two minutes, the alarm QUORUM_MISSING is raised.
//   - Every final block is read a second time, by two nodes if there are two, in ranges of 32 to 2000 blocks. A
//     difference is decided block by block by the quorum or by the receipts root, raises an alarm, and is repaired:
//     missing transfers are stored, and transfers that are not in the block are marked as not canonical.
//   - Events of the token are agreed on, read a second time and repaired as transfers are. Besides, a quorum says at
//     agreed blocks what the token's contracts are (paused, deprecated in favour of another one, their fee), and events
//     that contradict it are corrected. A contract that the token was upgraded to is watched together with the first.
//   - A node of another chain is one with another chain id or another first block.
//   - VerifyTransfer returns nil only if a quorum of nodes confirms the transfer in a canonical block with enough
//     confirmations, and the receipts of that block have the root that its header states. Where no node offers the
//     receipts, every usable node must confirm it.
//   - What an answer of a node means is read in one place, see Meaning. A call that a node does not offer is made in
//     another way, and one bad node of several costs about a second.
//   - Each report of a Watcher says whether blocks were stored, or whether a node and the database both say that
//     nothing is new. Neither is true while it is blind.
//   - VerifyRemoval returns nil only if a quorum of nodes shows that the canonical chain does not contain a transfer as
//     it was credited.
//   - A node that contradicts the quorum about a block of the same hash, or stays on another branch, is in
//     quarantine for an hour, and until it has the quorum's blocks at the agreed and the finalized height. A node of
//     another chain is excluded for as long as it is one. Both raise an alarm. A node that fails, is late, rate
//     limited, syncing or behind is avoided for as long as that lasts.
//   - A type of transaction that this version does not know accuses nobody: when it cannot compute the root of receipts
//     that the nodes return alike, the alarm RECEIPTS_UNDECODABLE is raised and their agreement decides.
//   - What a verification confirmed is remembered by its block, so attempts that run out of time do not start from
//     nothing.
//
// # What it does not promise
//
//   - A quorum of nodes that tell the same lie is believed, except about logs that the receipts root disproves.
//   - With a quorum of one, that node is believed about headers.
//   - In a range, every block is checked for which the answer has no log. A node that leaves out some logs of a block
//     is found by the second reading.
//   - Pending transfers are a hint. They may never be mined, and what the MempoolWatch misses is seen when it is
//     mined.
//   - Progress is reported at least every three seconds while a call hangs, but a single call may take ten seconds.
//
// # The parts
//
// A Node is one RPC endpoint. A Pool is all of them: it reads from the best one, fails over, and knows their health. A
// Watcher runs a Follower, a CrossCheck and a MempoolWatch on a Pool. A Verifier asks the Pool's nodes before money is
// credited. Everything that never changes is a constant beside the code that uses it; Config holds the rest.
package chain
