package bench

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"paycow/internal/pgtest"
)

// The environment that makes the test binary the server of floors, and tells it where to listen and its database.
const (
	floorAddressEnv  = "PAYCOW_BENCH_FLOOR_ADDRESS"
	floorDatabaseEnv = "PAYCOW_BENCH_FLOOR_DATABASE"
)

// floorPageBytes is the size of the static page that the checkout page is compared with.
const floorPageBytes = 12_000

func TestMain(m *testing.M) {
	var err error
	switch floor, engine := os.Getenv(floorAddressEnv), os.Getenv(engineAddressEnv); {
	case floor != "":
		err = serveFloors(floor, os.Getenv(floorDatabaseEnv))
	case engine != "":
		err = serveEngine(engine, os.Getenv(engineDatabaseEnv))
	default:
		pgtest.Main(m)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// floorPayment is a row of the floors, with as much text as a payment needs at least.
type floorPayment struct {
	ID      string `json:"id"`
	UserID  string `json:"userId"`
	Network string `json:"network"`
	Amount  int64  `json:"amount"`
}

// serveFloors serves the least that any gateway must do: one INSERT for a payment, one SELECT by key, a static page.
func serveFloors(address, database string) error {
	db, err := pgxpool.New(context.Background(), database)
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	defer db.Close()
	_, err = db.Exec(context.Background(),
		`CREATE TABLE floor (id text PRIMARY KEY, user_id text NOT NULL, network text NOT NULL, amount bigint NOT NULL)`)
	if err != nil {
		return fmt.Errorf("make the table: %w", err)
	}
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.POST("/payments", func(c *gin.Context) { floorCreate(c, db) })
	router.GET("/payments/:id", func(c *gin.Context) { floorRead(c, db) })
	page := bytes.Repeat([]byte("<p>static</p>\n"), floorPageBytes/14)
	router.GET("/page", func(c *gin.Context) { c.Data(http.StatusOK, "text/html; charset=utf-8", page) })
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := http.Server{Handler: router, ReadHeaderTimeout: time.Minute}
	return fmt.Errorf("serve the floors: %w", server.Serve(listener))
}

func floorCreate(c *gin.Context, db *pgxpool.Pool) {
	var p floorPayment
	if err := c.ShouldBindJSON(&p); err != nil {
		c.Status(http.StatusBadRequest)
		return
	}
	p.ID = uuid.NewString()
	_, err := db.Exec(c, `INSERT INTO floor (id, user_id, network, amount) VALUES ($1, $2, $3, $4)`,
		p.ID, p.UserID, p.Network, p.Amount)
	if err != nil {
		c.String(http.StatusInternalServerError, err.Error())
		return
	}
	c.JSON(http.StatusOK, p)
}

func floorRead(c *gin.Context, db *pgxpool.Pool) {
	var p floorPayment
	err := db.QueryRow(c, `SELECT id, user_id, network, amount FROM floor WHERE id = $1`, c.Param("id")).
		Scan(&p.ID, &p.UserID, &p.Network, &p.Amount)
	if err != nil {
		c.String(http.StatusInternalServerError, err.Error())
		return
	}
	c.JSON(http.StatusOK, p)
}

// startFloors runs the server of floors in a process of its own, as the program runs, and returns its URL.
func (b *bench) startFloors() string {
	b.t.Helper()
	address := freeAddress(b.t)
	self, err := os.Executable()
	require.NoError(b.t, err)
	b.run("the server of floors", self, nil,
		floorAddressEnv+"="+address, floorDatabaseEnv+"="+b.postgres.NewDatabase(b.t))
	url := "http://" + address
	b.awaitHTTP(url + "/page")
	return url
}
