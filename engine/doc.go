// Package engine is everything that talks to Temporal from outside a workflow: dialling it, creating the namespace and
// its search attributes, starting, signalling and querying workflows, and the outbox that starts the workflows of
// committed payments. It holds no workflow and no activity.
package engine
