//go:build race

package simulate

func init() { defaultSeeds = 25 }
