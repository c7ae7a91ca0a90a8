package temporal

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// The names in the certificates. The authorizer decides by those of clients.
const (
	// serverName is the name in the frontend's certificate.
	serverName = "paycow-temporal"
	// nameOwner is PayCow itself, and the admin who uses its files: it may call everything.
	nameOwner = "paycow"
	// nameReader may only read. The web UI is one.
	nameReader = "paycow-reader"
	// nameSystem is Temporal's own system workers.
	nameSystem = "temporal-system"
	// nameInternode is Temporal's own services among each other.
	nameInternode = "temporal-internode"
)

const (
	caLifetime   = 20 * 365 * 24 * time.Hour
	leafLifetime = 5 * 365 * 24 * time.Hour
	// renewBefore is how much of its life a certificate in a file must have left at a start. It is longer than any
	// process runs.
	renewBefore = 2 * 365 * 24 * time.Hour
	// backdated is how long before now a certificate begins to be valid, because clocks are set back.
	backdated = 365 * 24 * time.Hour
)

// ClientFiles are the PEM files with which a client of the frontend proves who it is.
type ClientFiles struct {
	CA, Cert, Key string
	ServerName    string // what the frontend's certificate is called
}

// filesIn returns the names of the files in a directory.
func filesIn(dir string) ClientFiles {
	return ClientFiles{
		CA: filepath.Join(dir, "ca.pem"), Cert: filepath.Join(dir, "client.pem"),
		Key: filepath.Join(dir, "client-key.pem"), ServerName: serverName,
	}
}

func caKeyFile(dir string) string { return filepath.Join(dir, "ca-key.pem") }

// authority issues certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// certificates are all that one engine needs for TLS in both directions.
type certificates struct {
	frontend  authority
	files     ClientFiles
	server    tls.Certificate
	system    tls.Certificate
	reader    issued
	internode authority
	inner     tls.Certificate
}

// prepareCertificates reads the authority and the client's certificate from the directory, and makes those that are
// missing, damaged or near their end. Everything else is made anew at each start and never stored: the certificates of
// the frontend, the UI, the system workers and the services among each other.
func prepareCertificates(dir string, hosts []string) (*certificates, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	c := &certificates{files: filesIn(dir)}
	var err error
	if c.frontend, err = keptAuthority(c.files.CA, caKeyFile(dir)); err != nil {
		return nil, err
	}
	if err := c.keepClient(); err != nil {
		return nil, err
	}
	if c.internode, err = newAuthority("PayCow Temporal internode"); err != nil {
		return nil, err
	}
	for _, leaf := range []struct {
		to    *tls.Certificate
		from  authority
		name  string
		hosts []string
	}{
		{&c.server, c.frontend, serverName, hosts},
		{&c.system, c.frontend, nameSystem, nil},
		{&c.inner, c.internode, nameInternode, nil},
	} {
		made, err := leaf.from.issue(leaf.name, leaf.hosts)
		if err != nil {
			return nil, err
		}
		if *leaf.to, err = made.pair(); err != nil {
			return nil, err
		}
	}
	c.reader, err = c.frontend.issue(nameReader, nil)
	return c, err
}

// keptAuthority reads the authority, or makes one. Certificates of an authority that was replaced are worth nothing.
func keptAuthority(certFile, keyFile string) (authority, error) {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err == nil {
		key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
		if ok && pair.Leaf.IsCA && isFresh(pair.Leaf) {
			return authority{certificate: pair.Leaf, key: key}, os.Chmod(keyFile, 0o600)
		}
	} else if !errors.Is(err, fs.ErrNotExist) && !isDamaged(err) {
		return authority{}, fmt.Errorf("read the certificate authority: %w", err)
	}
	made, err := newAuthority("PayCow Temporal")
	if err != nil {
		return authority{}, err
	}
	return made, issued{certificate: made.certificate.Raw, key: made.key}.write(certFile, keyFile)
}

// keepClient makes the client's certificate if the one in the files is not good.
func (c *certificates) keepClient() error {
	pair, err := tls.LoadX509KeyPair(c.files.Cert, c.files.Key)
	if err == nil {
		_, err = pair.Leaf.Verify(x509.VerifyOptions{
			Roots: c.frontend.pool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		})
		if err == nil && pair.Leaf.Subject.CommonName == nameOwner && isFresh(pair.Leaf) {
			return os.Chmod(c.files.Key, 0o600)
		}
	}
	made, err := c.frontend.issue(nameOwner, nil)
	if err != nil {
		return err
	}
	return made.write(c.files.Cert, c.files.Key)
}

// isDamaged reports whether an error of reading a pair is about the content of the files.
func isDamaged(err error) bool {
	_, unreadable := errors.AsType[*fs.PathError](err)
	return !unreadable
}

func isFresh(certificate *x509.Certificate) bool {
	now := time.Now()
	return now.After(certificate.NotBefore) && now.Add(renewBefore).Before(certificate.NotAfter)
}

func newAuthority(name string) (authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return authority{}, fmt.Errorf("make a key: %w", err)
	}
	template, err := template(name, caLifetime)
	if err != nil {
		return authority{}, err
	}
	template.IsCA, template.BasicConstraintsValid, template.MaxPathLenZero = true, true, true
	template.KeyUsage = x509.KeyUsageCertSign
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return authority{}, fmt.Errorf("make a certificate authority: %w", err)
	}
	certificate, err := x509.ParseCertificate(raw)
	return authority{certificate: certificate, key: key}, err
}

func template(name string, lifetime time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("make a serial number: %w", err)
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name, Organization: []string{"PayCow"}},
		NotBefore: now.Add(-backdated), NotAfter: now.Add(lifetime),
	}, nil
}

// issued is a certificate with its key.
type issued struct {
	certificate []byte // DER
	key         *ecdsa.PrivateKey
}

// issue makes a certificate for a server, if it has the name of one, or for a client. Services among each other are
// both.
func (a authority) issue(name string, hosts []string) (issued, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return issued{}, fmt.Errorf("make a key: %w", err)
	}
	template, err := template(name, leafLifetime)
	if err != nil {
		return issued{}, err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.DNSNames = []string{name}
	switch name {
	case serverName:
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	case nameInternode:
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	default:
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		return issued{}, fmt.Errorf("issue the certificate %s: %w", name, err)
	}
	return issued{certificate: raw, key: key}, nil
}

func (a authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

func (i issued) pair() (tls.Certificate, error) {
	certificate, key, err := i.pem()
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(certificate, key)
}

func (i issued) pem() (certificate, key []byte, err error) {
	raw, err := x509.MarshalPKCS8PrivateKey(i.key)
	if err != nil {
		return nil, nil, fmt.Errorf("encode a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.certificate}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), nil
}

// write stores the pair. Each file is replaced as a whole, so a crash leaves the old pair, the new one, or two files
// that do not belong together, which the next start replaces.
func (i issued) write(certFile, keyFile string) error {
	certificate, key, err := i.pem()
	if err != nil {
		return err
	}
	for _, file := range []struct {
		name    string
		content []byte
		mode    fs.FileMode
	}{{keyFile, key, 0o600}, {certFile, certificate, 0o644}} {
		if err := replaceFile(file.name, file.content, file.mode); err != nil {
			return fmt.Errorf("write %s: %w", file.name, err)
		}
	}
	return nil
}

func replaceFile(name string, content []byte, mode fs.FileMode) error {
	temporary, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name))
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary.Name()) }()
	_, err = temporary.Write(content)
	if err := errors.Join(err, temporary.Chmod(mode), temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), name)
}
