// Package bench measures how fast PayCow is. Its tests run the whole program on real parts, compare each figure with a
// floor that is measured in the same run, and write docs/performance.md. `make bench` runs them.
package bench

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// movedBy is the change of a ratio, relative to the earlier one, from which a comparison reports it.
const movedBy = 0.20

// Figure is one row of the table. A figure without a floor has no ratio, and its goal is for the value.
type Figure struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit"`
	Value float64 `json:"value"`
	Floor float64 `json:"floor,omitempty"` // the same unit; 0 = none
	Ratio float64 `json:"ratio,omitempty"` // value ÷ floor, the median of all rounds
	Goal  Goal    `json:"goal,omitzero"`
	// Missing is why the figure could not be measured, "" if it was.
	Missing string `json:"missing,omitempty"`
}

// Goal is a limit that a figure should keep.
type Goal struct {
	Limit float64 `json:"limit"`
	// AtMost tells that the figure should not exceed the limit. Otherwise it should reach it.
	AtMost bool `json:"atMost,omitempty"`
}

func (g Goal) String() string {
	switch {
	case g.Limit == 0:
		return ""
	case g.AtMost:
		return "≤ " + number(g.Limit)
	default:
		return "≥ " + number(g.Limit)
	}
}

// measure is what the goal and the comparison look at.
func (f *Figure) measure() float64 {
	if f.Floor > 0 {
		return f.Ratio
	}
	return f.Value
}

// verdict tells whether the goal is met.
func (f *Figure) verdict() string {
	switch {
	case f.Missing != "":
		return "not measured: " + f.Missing
	case f.Goal.Limit == 0:
		return ""
	case f.Goal.AtMost == (f.measure() <= f.Goal.Limit) || f.measure() == f.Goal.Limit:
		return "met"
	default:
		return "not met"
	}
}

// Report holds the newest figures of every group, in the order in which they are shown.
type Report struct {
	Groups []Group `json:"groups"`
}

// Group is what was measured together, and can be measured again without the others.
type Group struct {
	Name string `json:"name"`
	Run
	Figures []Figure `json:"figures"`
}

// Run says where and when figures were measured, and of what.
type Run struct {
	Machine string    `json:"machine"`
	Date    time.Time `json:"date"`
	Commit  string    `json:"commit"`
	Command string    `json:"command"`
}

func (r Run) String() string {
	return fmt.Sprintf("Measured on %s, commit %s, with %#q: %s.",
		r.Date.UTC().Format(time.DateOnly), r.Commit, r.Command, r.Machine)
}

var heading = []string{"figure", "unit", "floor", "value", "ratio", "goal", "goal met"}

func (f *Figure) cells() []string {
	cells := []string{f.Name, f.Unit, "", "", "", f.Goal.String(), f.verdict()}
	if f.Missing != "" {
		return cells
	}
	cells[3] = number(f.Value)
	if f.Floor > 0 {
		cells[2], cells[4] = number(f.Floor), number(f.Ratio)
	}
	return cells
}

// Text returns the table for a terminal.
func (r *Report) Text() string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(heading, "\t"))
	for _, f := range r.figures() {
		fmt.Fprintln(w, strings.Join(f.cells(), "\t"))
	}
	_ = w.Flush() // into memory
	return text.String()
}

// Markdown returns where and when the figures were measured, and a table for each group.
func (r *Report) Markdown() string {
	var text strings.Builder
	for i := range r.Groups {
		group := &r.Groups[i]
		if i == 0 || group.Run != r.Groups[i-1].Run {
			fmt.Fprintf(&text, "%s\n\n", group.Run)
		}
		fmt.Fprintf(&text, "**%s**\n\n", group.Name)
		row := func(cells []string) { fmt.Fprintf(&text, "| %s |\n", strings.Join(cells, " | ")) }
		row(heading)
		row(slices.Repeat([]string{"---"}, len(heading)))
		for j := range group.Figures {
			row(group.Figures[j].cells())
		}
		if i < len(r.Groups)-1 {
			text.WriteString("\n")
		}
	}
	return text.String()
}

func (r *Report) figures() (figures []*Figure) {
	for i := range r.Groups {
		for j := range r.Groups[i].Figures {
			figures = append(figures, &r.Groups[i].Figures[j])
		}
	}
	return figures
}

// over returns this report with the groups of an earlier one, nil for none, that it does not have. Groups that have no
// place in the order any more are left out.
func (r *Report) over(earlier *Report, order []string) *Report {
	merged := &Report{}
	for _, name := range order {
		for _, from := range []*Report{r, earlier} {
			if from == nil {
				continue
			}
			at := slices.IndexFunc(from.Groups, func(g Group) bool { return g.Name == name })
			if at >= 0 {
				merged.Groups = append(merged.Groups, from.Groups[at])
				break
			}
		}
	}
	return merged
}

// Moved has a line for each figure whose ratio, or value if it has no floor, differs by more than a fifth from an
// earlier report, and for each that only this report has.
func (r *Report) Moved(earlier *Report) []string {
	var lines []string
	before := map[string]*Figure{}
	for _, f := range earlier.figures() {
		before[f.Name] = f
	}
	for _, now := range r.figures() {
		was, known := before[now.Name]
		switch {
		case now.Missing != "":
			lines = append(lines, fmt.Sprintf("%s: not measured: %s", now.Name, now.Missing))
		case !known || was.Missing != "":
			lines = append(lines, fmt.Sprintf("%s: new, %s", now.Name, number(now.measure())))
		case math.Abs(now.measure()-was.measure()) > movedBy*was.measure():
			lines = append(lines, fmt.Sprintf("%s: %s, was %s (%+.0f %%)", now.Name, number(now.measure()),
				number(was.measure()), 100*(now.measure()/was.measure()-1)))
		}
	}
	return lines
}

// Read reads a report from a file. There is none, and no error, if the file does not exist.
func Read(file string) (*Report, error) {
	content, err := os.ReadFile(file) //nolint:gosec // the path is not a user's
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // no file, no report
	}
	if err != nil {
		return nil, fmt.Errorf("read the earlier figures: %w", err)
	}
	var r Report
	if err := json.Unmarshal(content, &r); err != nil {
		return nil, fmt.Errorf("read the earlier figures in %s: %w", file, err)
	}
	return &r, nil
}

// replaceBetween replaces what stands between two lines of a text.
func replaceBetween(text, begin, end, by string) (string, error) {
	head, rest, hasBegin := strings.Cut(text, begin+"\n")
	_, tail, hasEnd := strings.Cut(rest, end)
	if !hasBegin || !hasEnd {
		return "", fmt.Errorf("the text has no lines %q and %q", begin, end)
	}
	return head + begin + "\n\n" + by + "\n" + end + tail, nil
}

// percentile returns the smallest value that this share of the values does not exceed (nearest rank). It needs a value.
func percentile[T cmp.Ordered](values []T, percent int) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max((len(sorted)*percent+99)/100, 1)-1]
}

// median returns the middle value, the lower one of two. It needs a value.
func median[T cmp.Ordered](values []T) T { return percentile(values, 50) }

// number writes a value with three significant digits, and thousands in full.
func number(v float64) string {
	switch {
	case math.Abs(v) >= 100:
		return fmt.Sprintf("%.0f", v)
	case math.Abs(v) >= 10:
		return fmt.Sprintf("%.1f", v)
	case math.Abs(v) >= 1:
		return fmt.Sprintf("%.2f", v)
	default:
		return fmt.Sprintf("%.3f", v)
	}
}
