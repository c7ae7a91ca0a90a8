package api

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"paycow/models"
)

// maxHealthPoints is how many points of a watcher or node a history has at most.
const maxHealthPoints = 120

// healthHistoryView is the history of the chain watcher and of the nodes. In each step it holds the worst.
type healthHistoryView struct {
	From        instant           `json:"from"`
	To          instant           `json:"to"`
	StepSeconds int64             `json:"stepSeconds"`
	Watcher     []healthPointView `json:"watcher"`
	Nodes       []nodeHistoryView `json:"nodes"`
}

type nodeHistoryView struct {
	Name   string            `json:"name"`
	Points []healthPointView `json:"points"`
}

// healthPointView is what was reported in one step, which begins at At.
type healthPointView struct {
	At            instant  `json:"at"`
	LagSeconds    *float64 `json:"lagSeconds"`
	LatencyMillis *int64   `json:"latencyMillis"`
}

func (s *Server) healthHistory(c *gin.Context) error {
	query, err := parseQuery(c.Request.URL, "hours")
	if err != nil {
		return err
	}
	hours, maxHours := 24, int(models.HealthKept.Hours())
	if text, isThere := query["hours"]; isThere {
		if hours, err = strconv.Atoi(text); err != nil || hours < 1 || hours > maxHours {
			return invalid("hours", "invalid_parameter", "hours must be a whole number from 1 to %d.", maxHours)
		}
	}
	const hour = int(time.Hour / time.Minute)
	minutes := (hours*hour + maxHealthPoints - 1) / maxHealthPoints
	step := time.Duration(minutes) * time.Minute
	last := s.Clock().Unix() / int64(step.Seconds())
	first := last + 1 - int64((hours*hour+minutes-1)/minutes)
	points, err := s.Store.HealthHistory(c.Request.Context(), models.NetworkERC20, first, step)
	if err != nil {
		return fmt.Errorf("read the history of the chain's health: %w", err)
	}
	at := func(number int64) instant { return instant(time.Unix(number*int64(step.Seconds()), 0).UTC()) }
	view := healthHistoryView{
		From: at(first), To: at(last + 1), StepSeconds: int64(step.Seconds()),
		Watcher: []healthPointView{}, Nodes: []nodeHistoryView{},
	}
	for _, p := range points {
		point := healthPointView{At: at(p.Step), LatencyMillis: p.LatencyMillis}
		if p.LagMillis != nil {
			seconds := float64(*p.LagMillis) / float64(time.Second/time.Millisecond)
			point.LagSeconds = &seconds
		}
		if p.Node == "" {
			view.Watcher = append(view.Watcher, point)
			continue
		}
		if n := len(view.Nodes); n == 0 || view.Nodes[n-1].Name != p.Node {
			view.Nodes = append(view.Nodes, nodeHistoryView{Name: p.Node})
		}
		node := &view.Nodes[len(view.Nodes)-1]
		node.Points = append(node.Points, point)
	}
	writeJSON(c, http.StatusOK, view)
	return nil
}
