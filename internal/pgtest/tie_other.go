//go:build unix && !linux

package pgtest

import (
	"os/exec"
	"syscall"
)

// tieToParent does nothing: only Linux has a signal for the death of a parent. On other systems a killed test process
// leaves its server running.
func tieToParent(*syscall.SysProcAttr) {}

// startTied starts cmd and closes exited when it ends.
func startTied(cmd *exec.Cmd, exited chan<- struct{}) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		_ = cmd.Wait()
		close(exited)
	}()
	return nil
}
