package temporal

import (
	"time"

	"go.temporal.io/server/common/dynamicconfig"
)

const (
	// historyShards is fixed for the life of a store. One process with one
	// database gains nothing from many, and each has its own queue readers.
	historyShards = 4

	// queueWorkers replaces Temporal's 512 goroutines for each kind of task. One
	// database connection, or one small PostgreSQL, is busy long before 32.
	queueWorkers = 32

	megabyte = 1 << 20
)

// dynamicSettings are the knobs that differ from a cluster's. README.md says why.
func dynamicSettings() dynamicconfig.StaticClient {
	return dynamicconfig.StaticClient{
		// The default second is added to every timer of every workflow.
		dynamicconfig.TimerProcessorMaxTimeShift.Key(): 20 * time.Millisecond,

		// Bounded caches: the defaults grow to gigabytes with 50,000 open workflows.
		dynamicconfig.HistoryCacheHostLevelMaxSize.Key():     8000,
		dynamicconfig.EventsHostLevelCacheMaxSizeBytes.Key(): 32 * megabyte,

		dynamicconfig.TimerProcessorSchedulerWorkerCount.Key():                  queueWorkers,
		dynamicconfig.TransferProcessorSchedulerWorkerCount.Key():               queueWorkers,
		dynamicconfig.VisibilityProcessorSchedulerWorkerCount.Key():             queueWorkers,
		dynamicconfig.MemoryTimerProcessorSchedulerWorkerCount.Key():            8,
		dynamicconfig.ReplicationProcessorSchedulerWorkerCount.Key():            1,
		dynamicconfig.ReplicationLowPriorityProcessorSchedulerWorkerCount.Key(): 1,

		// One partition: a task never waits to be forwarded to the partition that a
		// worker polls.
		dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():  1,
		dynamicconfig.MatchingNumTaskqueueWritePartitions.Key(): 1,

		// The services learn of new search attributes by this refresh, which is most
		// of the first start's time.
		dynamicconfig.NamespaceCacheRefreshInterval.Key(): 500 * time.Millisecond,

		// System workers: two pollers each are plenty for one shop. Their sticky cache
		// is not set here, because that setting is global to the process and would
		// change PayCow's own workers.
		dynamicconfig.WorkerScannerMaxConcurrentActivityTaskPollers.Key():     2,
		dynamicconfig.WorkerScannerMaxConcurrentWorkflowTaskPollers.Key():     2,
		dynamicconfig.WorkerParentCloseMaxConcurrentActivityTaskPollers.Key(): 2,
		dynamicconfig.WorkerParentCloseMaxConcurrentWorkflowTaskPollers.Key(): 2,

		// The check sends the installation's version to temporal.io every hour.
		dynamicconfig.EnableServerVersionCheck.Key(): false,
	}
}
