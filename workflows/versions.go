package workflows

import "go.temporal.io/sdk/workflow"

// The changes of the Payment workflow that open payments of earlier versions must not follow. Each has a name that is
// in recorded histories, so it never changes.

// isExceptionSearchable reports whether the run upserts the exception when nothing else changes.
func isExceptionSearchable(ctx workflow.Context) bool {
	return workflow.GetVersion(ctx, "exception-searchable", workflow.DefaultVersion, 1) >= 1
}

// isCreditQuick reports whether the run tries to book transfers with a local activity first.
func isCreditQuick(ctx workflow.Context) bool {
	return workflow.GetVersion(ctx, "credit-quick", workflow.DefaultVersion, 1) >= 1
}
