package models

import "time"

// NodeState is how far an Ethereum node can be used.
type NodeState string

// The states of a node. Only an OK or a slow node counts towards a quorum.
const (
	NodeOK          NodeState = "OK"
	NodeSlow        NodeState = "SLOW"         // it answers, but late
	NodeErroring    NodeState = "ERRORING"     // its last calls failed
	NodeRateLimited NodeState = "RATE_LIMITED" // it limits the rate of calls and is given a rest
	NodeStale       NodeState = "STALE"        // its head is behind the other nodes or far behind the clock
	NodeSyncing     NodeState = "SYNCING"      // it is still syncing
	NodeWrongChain  NodeState = "WRONG_CHAIN"  // it follows another chain; it is no longer used
	NodeForked      NodeState = "FORKED"       // it is on another branch than the quorum
	NodeLying       NodeState = "LYING"        // it contradicted the quorum or itself
)

// NodeStates returns every state, the usable ones first.
func NodeStates() []NodeState {
	return []NodeState{
		NodeOK, NodeSlow, NodeErroring, NodeRateLimited, NodeStale, NodeSyncing, NodeForked, NodeWrongChain, NodeLying,
	}
}

// IsUsable reports whether the answers of a node in this state count.
func (s NodeState) IsUsable() bool { return s == NodeOK || s == NodeSlow }

// IsAnswering reports whether a node in this state answers calls, so that its latency means something.
func (s NodeState) IsAnswering() bool { return s != NodeErroring && s != NodeRateLimited }

// NodeHealth is what the worker that watches the chain last knew about a node.
type NodeHealth struct {
	Network string `gorm:"primaryKey"`
	// Name is the scheme and host, followed by "#2" and so on when they are not unique. It is never the URL, which may
	// hold keys.
	Name          string `gorm:"primaryKey"`
	Position      int    // in the order of preference, from 0
	State         NodeState
	Reason        string // one sentence; "" when the node is well
	Head          uint64
	HeadTime      time.Time
	LatencyMillis int64
	Since         time.Time // when it entered this state
	UpdatedAt     time.Time
}

// TableName returns the name of the table.
func (NodeHealth) TableName() string { return "rpc_nodes" }
