//go:build !slim

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestVaultSignOpensNoSocket runs the command in a network namespace without interfaces, and looks at its open files while it
// waits for the secret and while it has the answer.
func TestVaultSignOpensNoSocket(t *testing.T) {
	t.Parallel()
	cmd := program(t, "vault", "sign", "--xpub", walletXPub(t), "--treasury", treasury, "--count", "2000")
	cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNET
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
	}
	secret, err := cmd.StdinPipe()
	require.NoError(t, err)
	answer, err := cmd.StdoutPipe()
	require.NoError(t, err)
	var words bytes.Buffer
	cmd.Stderr = &words
	err = cmd.Start()
	if errors.Is(err, syscall.EPERM) {
		t.Skip("this machine makes no network namespaces: ", err)
	}
	require.NoError(t, err)
	process := fmt.Sprintf("/proc/%d/", cmd.Process.Pid)
	awaitSleep(t, process)
	interfaces, err := os.ReadFile(process + "net/dev")
	require.NoError(t, err)
	require.Equal(t, 3, strings.Count(string(interfaces), "\n"), "two lines of heading and the loopback: %s", interfaces)
	requireNoSocket(t, process)

	_, err = io.WriteString(secret, walletMnemonic+"\n\n")
	require.NoError(t, err)
	first := make([]byte, 1)
	_, err = io.ReadFull(answer, first) // now it writes, and is held up by the full pipe
	require.NoError(t, err)
	requireNoSocket(t, process)
	rest, err := io.ReadAll(answer)
	require.NoError(t, err)
	require.NoError(t, cmd.Wait(), words.String())
	require.Len(t, authorizationsOf(t, string(first)+string(rest)), 2000)
}

func requireNoSocket(t *testing.T, process string) {
	t.Helper()
	files, err := os.ReadDir(process + "fd")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		target, err := os.Readlink(process + "fd/" + file.Name())
		require.NoError(t, err)
		require.False(t, strings.HasPrefix(target, "socket:"), target)
	}
}

// awaitSleep waits until a process does nothing: it waits for the secret.
func awaitSleep(t *testing.T, process string) {
	t.Helper()
	spent := func() string {
		text, err := os.ReadFile(process + "stat")
		require.NoError(t, err)
		fields := strings.Fields(string(text))
		return fields[13] + " " + fields[14] // ticks in user and kernel mode
	}
	for before := ""; before != spent(); {
		before = spent()
		time.Sleep(300 * time.Millisecond)
	}
}
