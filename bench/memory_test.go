package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	mebibyte      = 1 << 20
	loadPayments  = 300 // that a process handles before its memory is read
	memoryPaid    = 50  // of them that are paid
	memoryGoalAt  = 100_000
	memoryGoalMiB = 100
)

// ofMemory measures what processes hold beside many open payments, after they have created, shown and credited some.
// The open payments are rows; they have no workflows, and the engine of `api` and `worker` is a process that is not counted.
func (b *bench) ofMemory(s size) (figures []Figure) {
	b.t.Helper()
	slim := filepath.Join(b.t.TempDir(), "paycow-slim")
	out, err := exec.CommandContext(b.t.Context(), "go", "build", "-tags", "slim", "-o", slim, "../cmd/paycow").CombinedOutput()
	require.NoError(b.t, err, string(out))
	for _, open := range s.memoryAt {
		b.again(fmt.Sprintf("api and worker, %d open", open), func(b *bench) {
			b.program = slim
			in := b.withRows(open)
			b.startEngine(in.engine, in.database)
			api, worker := in.start("api"), in.start("worker")
			goal := Goal{}
			if open == memoryGoalAt {
				goal = Goal{Limit: memoryGoalMiB, AtMost: true}
			}
			figures = append(figures, in.held(fmt.Sprintf("api + worker, %d open", open), goal, api, worker)...)
		})
		b.again(fmt.Sprintf("serve --embedded, %d open", open), func(b *bench) {
			in := b.withRows(open)
			serve := in.start("serve", "--embedded", "--data-dir", b.t.TempDir())
			figures = append(figures, in.held(fmt.Sprintf("serve --embedded, %d open", open), Goal{}, serve)...)
		})
	}
	return figures
}

// held gives the processes something to do, and measures what they hold afterwards.
func (in *installation) held(name string, goal Goal, processes ...process) []Figure {
	in.t.Helper()
	in.awaitPayment()
	in.each(8, loadPayments, func(int) error {
		p, err := in.create()
		if err == nil {
			_, err = in.get(in.url + "/payment/data/" + p.ID)
		}
		return err
	})
	in.payAll(memoryPaid)
	time.Sleep(in.settle)
	var resident, own, heap float64
	for _, p := range processes {
		resident += in.memory(p.pid, "Pss")
		own += in.memory(p.pid, "Pss_Anon")
		heap += goHeap(in, p)
	}
	return []Figure{
		{Name: "memory of " + name, Unit: "MiB", Value: resident, Goal: goal},
		{Name: "without pages of files, " + name, Unit: "MiB", Value: own, Goal: goal},
		{Name: "Go heap in use of " + name, Unit: "MiB", Value: heap},
	}
}

// payAll takes payments from their creation to PAID.
func (in *installation) payAll(n int) {
	in.t.Helper()
	ids := in.send(n)
	in.mineOneByOne(1 + confirmations)
	in.mineAndAwait(ids, 0, "PAID")
}

// mineOneByOne makes blocks, each as soon as the one before is read.
func (in *installation) mineOneByOne(blocks int) {
	in.t.Helper()
	for range blocks {
		require.NoError(in.t, in.chain.Mine(1))
		in.awaitRead(0)
	}
}

// memory returns a proportional set size of a process in MiB. Pages that several processes share, such as the program's
// code, count once altogether.
func (in *installation) memory(pid int, field string) float64 {
	in.t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	require.NoError(in.t, err)
	return numberIn(in, `(?m)^`+field+`:\s+(\d+) kB`, content) * 1024 / mebibyte
}

// goHeap returns the memory in MiB that a process uses for objects, in whole spans.
func goHeap(in *installation, p process) float64 {
	in.t.Helper()
	content, err := in.get(p.metrics)
	require.NoError(in.t, err)
	return numberIn(in, `(?m)^go_memstats_heap_inuse_bytes (\S+)`, content) / mebibyte
}

func numberIn(in *installation, expression string, content []byte) float64 {
	in.t.Helper()
	found := regexp.MustCompile(expression).FindSubmatch(content)
	require.NotNil(in.t, found, expression)
	value, err := strconv.ParseFloat(string(found[1]), 64)
	require.NoError(in.t, err)
	return value
}
