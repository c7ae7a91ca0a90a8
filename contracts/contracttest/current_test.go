package contracttest

import (
	"testing"

	"github.com/ethereum/go-ethereum/accounts/abi/bind/v2"

	"paycow/internal/solidity"
)

var sources = map[string]*bind.MetaData{
	"HostileToken":   &HostileTokenMetaData,
	"HostileAccount": &HostileAccountMetaData,
	"CloneFactory":   &CloneFactoryMetaData,
}

func TestArtefactsAndBindingsBelongToTheSources(t *testing.T) {
	t.Parallel()
	solidity.RequireCurrent(t, sources)
}

func TestCompilerMakesTheCommittedArtefacts(t *testing.T) {
	t.Parallel()
	solidity.RequireReproducible(t, sources)
}
