package temporal

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/log"
)

// TestFairQueues reads the settings as Temporal does: those of the embedded server, and those of the server in containers.
func TestFairQueues(t *testing.T) {
	t.Parallel()
	const fair = "paycow-webhooks"
	path := filepath.Join("..", "..", "scripts", "compose", "temporal-dynamic-config.yaml")
	_, err := os.Stat(path)
	require.NoError(t, err)
	done := make(chan any)
	t.Cleanup(func() { close(done) })
	fromFile, err := dynamicconfig.NewFileBasedClient(&dynamicconfig.FileBasedClientConfig{Filepath: path, PollInterval: time.Minute},
		log.NewNoopLogger(), done)
	require.NoError(t, err)
	for name, client := range map[string]dynamicconfig.Client{"embedded": dynamicSettings([]string{fair}), "containers": fromFile} {
		enabled := dynamicconfig.MatchingEnableFairness.Get(dynamicconfig.NewCollection(client, log.NewNoopLogger()))
		for _, kind := range []enumspb.TaskQueueType{enumspb.TASK_QUEUE_TYPE_WORKFLOW, enumspb.TASK_QUEUE_TYPE_ACTIVITY} {
			on, off := enabled("paycow", fair, kind), enabled("paycow", "paycow", kind)
			require.True(t, on.Value(nil, time.Now()), name)
			require.False(t, off.Value(nil, time.Now()), name)
		}
	}
}
