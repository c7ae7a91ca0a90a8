package models

import "time"

// NodeState is what is thought of an Ethereum node.
type NodeState string

// The states of a node. Only an OK or a slow node counts towards a quorum.
const (
	NodeOK          NodeState = "OK"
	NodeSlow        NodeState = "SLOW"         // it answers, but late
	NodeErroring    NodeState = "ERRORING"     // its last calls failed
	NodeRateLimited NodeState = "RATE_LIMITED" // it asked to be left alone for a while
	NodeStale       NodeState = "STALE"        // its head is behind the others or far behind the clock
	NodeSyncing     NodeState = "SYNCING"
	NodeWrongChain  NodeState = "WRONG_CHAIN" // for good
	NodeLying       NodeState = "LYING"       // it was contradicted
)

// NodeStates lists every state, the usable ones first.
func NodeStates() []NodeState {
	return []NodeState{NodeOK, NodeSlow, NodeErroring, NodeRateLimited, NodeStale, NodeSyncing, NodeWrongChain, NodeLying}
}

// IsUsable tells whether a node in this state is believed.
func (s NodeState) IsUsable() bool { return s == NodeOK || s == NodeSlow }

// NodeHealth is what the watching worker last knew of a node.
type NodeHealth struct {
	Network       string `gorm:"primaryKey"`
	Name          string `gorm:"primaryKey"` // scheme and host, with "#2" and so on when it is not unique; never the URL, which holds keys
	Position      int    // in the order of preference, from 0
	State         NodeState
	Reason        string // one sentence, "" when all is well
	Head          uint64
	HeadTime      time.Time
	LatencyMillis int64
	Since         time.Time // when it came into this state
	UpdatedAt     time.Time
}

// TableName keeps GORM from making up a plural.
func (NodeHealth) TableName() string { return "rpc_nodes" }
