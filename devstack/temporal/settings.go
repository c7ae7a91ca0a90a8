package temporal

import (
	"time"

	"go.temporal.io/server/common/dynamicconfig"
)

const (
	// historyShards is fixed for the life of a store. One process with one database gains nothing from many shards, and
	// each has its own queue readers.
	historyShards = 4

	// queueWorkers is the number of goroutines for each kind of task; Temporal's default is 512. Fewer than 32 saturate
	// one SQLite connection or one small PostgreSQL server.
	queueWorkers = 32

	megabyte = 1 << 20
)

// dynamicSettings returns the settings that differ from those of a cluster. README.md gives the reasons.
func dynamicSettings(fairQueues []string) dynamicconfig.StaticClient {
	fair := make([]dynamicconfig.ConstrainedValue, 0, len(fairQueues)+1)
	fair = append(fair, dynamicconfig.ConstrainedValue{Value: false})
	for _, queue := range fairQueues {
		fair = append(fair, dynamicconfig.ConstrainedValue{
			Value: true, Constraints: dynamicconfig.Constraints{TaskQueueName: queue},
		})
	}
	return dynamicconfig.StaticClient{
		// The default, one second, delays every timer of every workflow.
		dynamicconfig.TimerProcessorMaxTimeShift.Key(): 20 * time.Millisecond,

		// The caches are bounded: with the defaults they grow to gigabytes when 50,000 workflows are open.
		dynamicconfig.HistoryCacheHostLevelMaxSize.Key():     8000,
		dynamicconfig.EventsHostLevelCacheMaxSizeBytes.Key(): 32 * megabyte,

		dynamicconfig.TimerProcessorSchedulerWorkerCount.Key():                  queueWorkers,
		dynamicconfig.TransferProcessorSchedulerWorkerCount.Key():               queueWorkers,
		dynamicconfig.VisibilityProcessorSchedulerWorkerCount.Key():             queueWorkers,
		dynamicconfig.MemoryTimerProcessorSchedulerWorkerCount.Key():            8,
		dynamicconfig.ReplicationProcessorSchedulerWorkerCount.Key():            1,
		dynamicconfig.ReplicationLowPriorityProcessorSchedulerWorkerCount.Key(): 1,

		// With one partition, no task has to be forwarded to the partition that a worker polls.
		dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():  1,
		dynamicconfig.MatchingNumTaskqueueWritePartitions.Key(): 1,

		// In these task queues, workflows with different fairness keys take turns.
		dynamicconfig.MatchingEnableFairness.Key(): fair,

		// The services see new search attributes after this refresh. The first start spends most of its time on it.
		dynamicconfig.NamespaceCacheRefreshInterval.Key(): 500 * time.Millisecond,

		// Two pollers for each system worker are enough for one shop. The size of their sticky cache is not set here,
		// because it applies to the whole process and would change PayCow's own workers.
		dynamicconfig.WorkerScannerMaxConcurrentActivityTaskPollers.Key():     2,
		dynamicconfig.WorkerScannerMaxConcurrentWorkflowTaskPollers.Key():     2,
		dynamicconfig.WorkerParentCloseMaxConcurrentActivityTaskPollers.Key(): 2,
		dynamicconfig.WorkerParentCloseMaxConcurrentWorkflowTaskPollers.Key(): 2,

		// The version check sends the installation's version to temporal.io every hour.
		dynamicconfig.EnableServerVersionCheck.Key(): false,
	}
}
