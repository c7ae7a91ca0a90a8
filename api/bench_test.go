package api

import (
	"bufio"
	"database/sql"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcutil/hdkeychain"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/gin-gonic/gin"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver of the floor
	"github.com/stretchr/testify/require"

	"paycow/internal/pgtest"
	"paycow/models"
)

// BenchmarkCreate creates payments on Postgres, and in turn rows of the same content with one INSERT behind gin.
// floor-ratio is how many payments are created in the time of one such row.
func BenchmarkCreate(b *testing.B) {
	const body = `{"amount":50.00,"userId":"user_123456","network":"ERC20"}`
	for _, clients := range []int{8, 32} {
		b.Run(fmt.Sprint(clients, "-clients"), func(b *testing.B) {
			f, floor := setupFloor(b)
			b.ResetTimer()
			measure(b, clients, load{f.url, func() string {
				return fmt.Sprintf("POST /api/payment/create HTTP/1.1\r\nHost: a\r\nX-Api-Key: %s\r\nX-Api-Secret: %s\r\n"+
					"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", f.account.APIKey, f.account.APISecret,
					len(body), body)
			}}, load{floor, func() string {
				return fmt.Sprintf("POST /row HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
			}})
		})
	}
}

// BenchmarkStatus polls the public status of payments on Postgres, and in turn a row by its key behind gin. floor-ratio
// is how many times the status is read in the time of one such row.
func BenchmarkStatus(b *testing.B) {
	const payments = 500
	for _, clients := range []int{8, 32} {
		b.Run(fmt.Sprint(clients, "-clients"), func(b *testing.B) {
			f, floor := setupFloor(b)
			ids := make([]string, payments)
			for i := range ids {
				ids[i] = f.started(f.account).ID
			}
			var turn atomic.Int64
			next := func(path string) func() string {
				return func() string {
					return "GET " + path + ids[turn.Add(1)%payments] + " HTTP/1.1\r\nHost: a\r\n\r\n"
				}
			}
			b.ResetTimer()
			measure(b, clients, load{f.url, next("/payment/data/")}, load{floor, next("/row/")})
		})
	}
}

// load is where requests go, and the text of the next one.
type load struct {
	url  string
	next func() string
}

// measure sends b.N requests of each load from that many connections, in parts that take turns.
func measure(b *testing.B, clients int, ours, floor load) {
	b.Helper()
	var took [2]time.Duration
	const parts = 5
	for part := range parts {
		n := (b.N + part) / parts
		for i, l := range []load{ours, floor} {
			begun := time.Now()
			l.send(b, clients, n)
			took[i] += time.Since(begun)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(b.N)/took[0].Seconds(), "requests/s")
	b.ReportMetric(float64(took[1])/float64(took[0]), "floor-ratio")
}

// send sends n requests from that many connections, each of which waits for its answers.
func (l load) send(b *testing.B, clients, n int) {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(n))
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			conn, err := (&net.Dialer{}).DialContext(b.Context(), "tcp", l.url[len("http://"):])
			if err != nil {
				b.Error(err)
				return
			}
			defer conn.Close()
			answers := bufio.NewReader(conn)
			for left.Add(-1) >= 0 {
				if _, err := io.WriteString(conn, l.next()); err != nil {
					b.Error(err)
					return
				}
				response, err := http.ReadResponse(answers, nil)
				if err != nil || response.StatusCode != http.StatusOK {
					b.Error(response, err)
					return
				}
				_, _ = io.Copy(io.Discard, response.Body)
			}
		})
	}
	group.Wait()
}

// setupFloor returns an API on a Postgres database of its own, whose addresses cost what real ones do, and the URL of a
// gin server with as many connections to the same database, which inserts rows and reads them by their key.
func setupFloor(b *testing.B) (f *fixture, floor string) {
	b.Helper()
	database := pgtest.StartDurable(b).NewDatabase(b)
	f = setupOn(b, database, func(c *Config) {
		c.Addresses = newDerivedAddresses(b)
		c.RatePerKey, c.RatePerNetwork, c.RateOfStatus = 0, 0, 0
	})
	block := models.BlockRef{Number: 100, Hash: hexHash(100), Time: time.Now()}
	require.NoError(b, f.store.InitCursor(b.Context(), models.NetworkERC20, block, 100))
	plain := httptest.NewServer(f.server.Handler()) // the fixture's own checks every answer
	b.Cleanup(plain.Close)
	f.url = plain.URL
	f.store.UseCredentialCache() // as New does
	f.server.chain.lifetime, f.server.states.patience = chainLifetime, queryPatience

	db, err := sql.Open("pgx", database)
	require.NoError(b, err)
	b.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(20)
	db.SetMaxIdleConns(20)
	_, err = db.ExecContext(b.Context(), `CREATE TABLE floor_rows (id text PRIMARY KEY, operator_id text,
		user_id text, reference text, network text, currency text, amount_requested bigint, deposit_address text,
		address_index bigint, created_at timestamptz, expires_at timestamptz, status text, version bigint)`)
	require.NoError(b, err)
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.POST("/row", func(c *gin.Context) {
		var body struct {
			Amount          float64
			UserID, Network string
		}
		id := models.NewID()
		err := c.ShouldBindJSON(&body)
		if err == nil {
			_, err = db.ExecContext(c, `INSERT INTO floor_rows (id, operator_id, user_id, reference, network, currency,
				amount_requested, deposit_address, address_index, created_at, expires_at, status, version)
				VALUES ($1, $2, $3, $4, $5, 'USDT', $6, $7, 1, $8, $9, 'PENDING', 1)`, id, id, body.UserID, id, body.Network,
				int64(body.Amount*1e6), hexHash(1)[:42], time.Now(), time.Now().Add(time.Hour))
		}
		answerFloor(c, gin.H{"id": id}, err)
	})
	router.GET("/row/:id", func(c *gin.Context) {
		var id, userID, status, address string
		var amount int64
		var createdAt, expiresAt time.Time
		err := db.QueryRowContext(c, `SELECT id, user_id, status, deposit_address, amount_requested, created_at, expires_at
			FROM payments WHERE id = $1`, c.Param("id")).
			Scan(&id, &userID, &status, &address, &amount, &createdAt, &expiresAt)
		answerFloor(c, gin.H{
			"id": id, "userId": userID, "status": status, "address": address, "amount": amount, "createdAt": createdAt,
			"expiresAt": expiresAt,
		}, err)
	})
	server := httptest.NewServer(router)
	b.Cleanup(server.Close)
	return f, server.URL
}

func answerFloor(c *gin.Context, answer gin.H, err error) {
	if err != nil {
		c.JSON(http.StatusInternalServerError, gin.H{"error": err.Error()})
		return
	}
	c.JSON(http.StatusOK, answer)
}

// derivedAddresses derives addresses as a wallet's account key does.
type derivedAddresses struct{ branch *hdkeychain.ExtendedKey }

func newDerivedAddresses(b *testing.B) derivedAddresses {
	b.Helper()
	key, err := hdkeychain.NewMaster(make([]byte, 32), &chaincfg.MainNetParams)
	require.NoError(b, err)
	branch, err := key.Neuter()
	require.NoError(b, err)
	return derivedAddresses{branch}
}

func (d derivedAddresses) Address(index uint32) (string, error) {
	child, err := d.branch.Derive(index)
	if err != nil {
		return "", err
	}
	public, err := child.ECPubKey()
	if err != nil {
		return "", err
	}
	return crypto.PubkeyToAddress(*public.ToECDSA()).Hex(), nil
}
