package pgtest

import (
	"os/exec"
	"runtime"
	"syscall"
)

// tieToParent asks the kernel to send SIGQUIT when this process ends, however it ends. SIGQUIT makes PostgreSQL and its
// children exit at once.
func tieToParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGQUIT }

// startTied starts cmd and closes exited when it ends. The kernel sends the signal when the thread that started the
// child ends, so that thread is kept for as long as the child lives.
func startTied(cmd *exec.Cmd, exited chan<- struct{}) error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
			close(exited)
		}
	}()
	return <-started
}
