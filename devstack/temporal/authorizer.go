package temporal

import (
	"context"
	"crypto/tls"
	"encoding/base64"

	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	"go.temporal.io/server/common/api"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/rpc/encryption"
)

// tlsProvider returns the TLS settings of Temporal's services. The frontend asks every client for a certificate of our
// authority; the services among each other use another authority, which exists only while this process runs.
func (c *certificates) tlsProvider() encryption.TLSConfigProvider {
	return &encryption.FixedTLSConfigProvider{
		FrontendServerConfig: &tls.Config{
			MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{c.server},
			ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: c.frontend.pool(),
		},
		FrontendClientConfig: c.clientConfig(c.system),
		InternodeServerConfig: &tls.Config{
			MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{c.inner},
			ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: c.internode.pool(),
		},
		InternodeClientConfig: &tls.Config{
			MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{c.inner},
			RootCAs: c.internode.pool(), ServerName: nameInternode,
		},
	}
}

// clientConfig returns the TLS settings of a client of the frontend.
func (c *certificates) clientConfig(certificate tls.Certificate) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{certificate},
		RootCAs: c.frontend.pool(), ServerName: serverName,
	}
}

// uiTLS returns the settings with which the web UI calls the frontend: as a reader, or as PayCow itself if it may
// write.
func (c *certificates) uiTLS(writes bool) (uiconfig.TLS, error) {
	if writes {
		return uiconfig.TLS{
			CaFile: c.files.CA, CertFile: c.files.Cert, KeyFile: c.files.Key, ServerName: c.files.ServerName,
			EnableHostVerification: true,
		}, nil
	}
	certificate, key, err := c.reader.pem()
	if err != nil {
		return uiconfig.TLS{}, err
	}
	ca, _, err := issued{certificate: c.frontend.certificate.Raw, key: c.frontend.key}.pem()
	encode := base64.StdEncoding.EncodeToString
	return uiconfig.TLS{
		CaData: encode(ca), CertData: encode(certificate), KeyData: encode(key),
		ServerName: serverName, EnableHostVerification: true,
	}, err
}

// certificateClaims names a caller after its certificate, which TLS has verified. Nothing else counts: no token, no
// header.
type certificateClaims struct{}

func (certificateClaims) GetClaims(info *authorization.AuthInfo) (*authorization.Claims, error) {
	if info.TLSConnection == nil {
		return nil, nil //nolint:nilnil // no claims: the authorizer refuses
	}
	certificate := authorization.PeerCert(info.TLSConnection)
	if certificate == nil {
		return nil, nil //nolint:nilnil // no claims: the authorizer refuses
	}
	return &authorization.Claims{Subject: certificate.Subject.CommonName}, nil
}

// certificateAuthorizer lets PayCow and the system workers call everything, readers what only reads, and nobody else
// anything. A method that it does not know does not count as reading.
type certificateAuthorizer struct{}

func (certificateAuthorizer) Authorize(
	_ context.Context, caller *authorization.Claims, target *authorization.CallTarget,
) (authorization.Result, error) {
	allowed := false
	if caller != nil {
		switch caller.Subject {
		case nameOwner, nameSystem:
			allowed = true
		case nameReader:
			allowed = authorization.IsHealthCheckAPI(target.APIName) ||
				api.GetMethodMetadata(target.APIName).Access == api.AccessReadOnly
		}
	}
	if !allowed {
		return authorization.Result{
			Decision: authorization.DecisionDeny, Reason: "this client's certificate does not allow the call",
		}, nil
	}
	return authorization.Result{Decision: authorization.DecisionAllow}, nil
}
