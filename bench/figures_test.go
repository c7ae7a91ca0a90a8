package bench

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPercentiles(t *testing.T) {
	t.Parallel()
	values := make([]int, 200)
	for i := range values {
		values[len(values)-1-i] = i + 1
	}
	require.Equal(t, 100, percentile(values, 50))
	require.Equal(t, 198, percentile(values, 99))
	require.Equal(t, 200, percentile(values, 100))
	require.Equal(t, 7, percentile([]int{7}, 99))
	require.Equal(t, 7, percentile([]int{7}, 0))
	require.Equal(t, 2, median([]int{3, 1, 2}))
}

func TestGoals(t *testing.T) {
	t.Parallel()
	atLeast, atMost := Goal{Limit: 0.5}, Goal{Limit: 50, AtMost: true}
	for _, c := range []struct {
		figure Figure
		want   string
	}{
		{Figure{Value: 60, Floor: 100, Ratio: 0.6, Goal: atLeast}, "met"},
		{Figure{Value: 50, Floor: 100, Ratio: 0.5, Goal: atLeast}, "met"},
		{Figure{Value: 40, Floor: 100, Ratio: 0.4, Goal: atLeast}, "not met"},
		{Figure{Value: 49, Goal: atMost}, "met"},
		{Figure{Value: 50, Goal: atMost}, "met"},
		{Figure{Value: 51, Goal: atMost}, "not met"},
		{Figure{Value: 51}, ""},
		{Figure{Missing: "no disk", Goal: atMost}, "not measured: no disk"},
	} {
		require.Equal(t, c.want, c.figure.verdict(), "%+v", c.figure)
	}
}

var (
	november = Run{
		Machine: "4 cores", Date: time.Date(2026, 11, 28, 23, 0, 0, 0, time.UTC), Commit: "abc", Command: "make bench",
	}
	december = Run{
		Machine: "8 cores", Date: time.Date(2026, 12, 1, 1, 0, 0, 0, time.UTC), Commit: "def", Command: "make bench ROWS=x",
	}
)

func TestTables(t *testing.T) {
	t.Parallel()
	r := Report{Groups: []Group{
		{Name: "api", Run: november, Figures: []Figure{
			{Name: "creates", Unit: "1/s", Value: 1529, Floor: 6917, Ratio: 0.221, Goal: Goal{Limit: 0.45}},
			{Name: "wait", Unit: "ms", Value: 12.34, Goal: Goal{Limit: 50, AtMost: true}},
		}},
		{Name: "disk", Run: november, Figures: []Figure{{Name: "lost", Unit: "ms", Missing: "no disk"}}},
		{Name: "late", Run: december, Figures: []Figure{{Name: "memory", Unit: "MiB", Value: 98}}},
	}}
	require.Equal(t, `Measured on 2026-11-28, commit abc, with `+"`make bench`"+`: 4 cores.

**api**

| figure | unit | floor | value | ratio | goal | goal met |
| --- | --- | --- | --- | --- | --- | --- |
| creates | 1/s | 6917 | 1529 | 0.221 | ≥ 0.450 | not met |
| wait | ms |  | 12.3 |  | ≤ 50.0 | met |

**disk**

| figure | unit | floor | value | ratio | goal | goal met |
| --- | --- | --- | --- | --- | --- | --- |
| lost | ms |  |  |  |  | not measured: no disk |

Measured on 2026-12-01, commit def, with `+"`make bench ROWS=x`"+`: 8 cores.

**late**

| figure | unit | floor | value | ratio | goal | goal met |
| --- | --- | --- | --- | --- | --- | --- |
| memory | MiB |  | 98.0 |  |  |  |
`, r.Markdown())
	require.Contains(t, r.Text(), "creates  1/s   6917   1529   0.221  ≥ 0.450  not met")
	require.Contains(t, r.Text(), "memory   MiB          98.0")
}

// A run of some groups replaces them whole and keeps the others.
func TestSomeGroupsMeasuredAgain(t *testing.T) {
	t.Parallel()
	group := func(name string, run Run, figures ...string) (g Group) {
		g.Name, g.Run = name, run
		for _, figure := range figures {
			g.Figures = append(g.Figures, Figure{Name: figure})
		}
		return g
	}
	earlier := &Report{Groups: []Group{
		group("removed", november, "r"), group("api", november, "a", "b"), group("memory", november, "m"),
	}}
	order := []string{"api", "disk", "memory"}
	now := &Report{Groups: []Group{group("disk", december, "d"), group("api", december, "c")}}
	require.Equal(t, &Report{Groups: []Group{
		group("api", december, "c"), group("disk", december, "d"), group("memory", november, "m"),
	}}, now.over(earlier, order))
	require.Equal(t, &Report{Groups: []Group{group("api", december, "c"), group("disk", december, "d")}},
		now.over(nil, order))
}

func TestMoved(t *testing.T) {
	t.Parallel()
	earlier := &Report{Groups: []Group{
		{Name: "rates", Figures: []Figure{
			{Name: "same", Value: 100, Floor: 200, Ratio: 0.5},
			{Name: "slower", Value: 100, Floor: 200, Ratio: 0.5},
		}},
		{Name: "waits", Figures: []Figure{
			{Name: "longer", Value: 10},
			{Name: "lost", Value: 10},
			{Name: "found", Missing: "no disk"},
		}},
		{Name: "not measured again", Figures: []Figure{{Name: "memory", Value: 98}}},
	}}
	now := &Report{Groups: []Group{
		{Name: "rates", Figures: []Figure{
			{Name: "same", Value: 300, Floor: 500, Ratio: 0.6}, // another machine, nearly the same ratio
			{Name: "slower", Value: 100, Floor: 300, Ratio: 0.33},
		}},
		{Name: "waits", Figures: []Figure{
			{Name: "longer", Value: 15},
			{Name: "lost", Missing: "no disk"},
			{Name: "found", Value: 4},
			{Name: "added", Value: 5},
		}},
	}}
	require.Equal(t, []string{
		"slower: 0.330, was 0.500 (-34 %)", "longer: 15.0, was 10.0 (+50 %)", "lost: not measured: no disk",
		"found: new, 4.00", "added: new, 5.00",
	}, now.Moved(earlier))
}

func TestReadingAndReplacing(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "figures.json")
	r, err := Read(file)
	require.NoError(t, err)
	require.Nil(t, r)
	require.NoError(t, os.WriteFile(file, []byte(
		`{"groups":[{"name":"api","commit":"abc","figures":[{"name":"x","value":2}]}]}`), 0o600))
	r, err = Read(file)
	require.NoError(t, err)
	require.Equal(t, &Report{Groups: []Group{
		{Name: "api", Run: Run{Commit: "abc"}, Figures: []Figure{{Name: "x", Value: 2}}},
	}}, r)
	require.NoError(t, os.WriteFile(file, []byte(`{`), 0o600))
	_, err = Read(file)
	require.Error(t, err)

	text, err := replaceBetween("a\n<b>\nold\n<e>\nz\n", "<b>", "<e>", "new\n")
	require.NoError(t, err)
	require.Equal(t, "a\n<b>\n\nnew\n\n<e>\nz\n", text)
	_, err = replaceBetween("a\n<b>\nold\n", "<b>", "<e>", "new\n")
	require.Error(t, err)
}
