package temporal

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/server/common/log/tag"
)

// TestWarningsOfANewNamespace: Temporal's own worker polls for a namespace before the caches have it. Nobody needs to
// know. Later, such a warning says that a namespace is gone.
func TestWarningsOfANewNamespace(t *testing.T) {
	t.Parallel()
	isNew := tag.Error(serviceerror.NewNamespaceNotFound("paycow"))
	var out bytes.Buffer
	log := newLogAdapter(slog.New(slog.NewTextHandler(&out, nil)))
	log.phase.serve(time.Now())
	log.Warn("Failed to poll for task.", isNew)
	require.Empty(t, out.String())
	log.Warn("Failed to poll for task.", tag.Error(errors.New("the database is locked")))
	require.Contains(t, out.String(), "the database is locked")
	out.Reset()
	log.Error("Something broke.", isNew)
	require.Contains(t, out.String(), "Something broke.")
	out.Reset()
	log.phase.serve(time.Now().Add(-newNamespaceTime))
	log.Warn("Failed to poll for task.", isNew)
	require.Contains(t, out.String(), "Namespace paycow is not found.")
}
