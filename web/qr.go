package web

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/boombuler/barcode/qr"
	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"

	"paycow/models"
)

// quietZone is the empty margin of a QR code that ISO/IEC 18004 requires, in modules.
const quietZone = 4

// qrCode returns the QR code of a text as an SVG path with one unit per module. Each run of dark modules is a
// rectangle. The error correction level is M: up to 15 % of the code may be covered.
func qrCode(text string) (size int, path string, err error) {
	code, err := qr.Encode(text, qr.M, qr.Unicode)
	if err != nil {
		return 0, "", fmt.Errorf("QR code: %w", err)
	}
	bounds := code.Bounds()
	isDark := func(x, y int) bool {
		r, _, _, _ := code.At(bounds.Min.X+x, bounds.Min.Y+y).RGBA()
		return r == 0
	}
	var b strings.Builder
	for y := range bounds.Dy() {
		for x := 0; x < bounds.Dx(); x++ {
			if !isDark(x, y) {
				continue
			}
			begin := x
			for x < bounds.Dx() && isDark(x, y) {
				x++
			}
			fmt.Fprintf(&b, "M%d %dh%dv1H%dz", begin+quietZone, y+quietZone, x-begin, begin+quietZone)
		}
	}
	return bounds.Dx() + 2*quietZone, b.String(), nil
}

// paymentRequest returns the EIP-681 URL that asks a wallet to transfer an amount of the token to an address.
func paymentRequest(token string, chainID uint64, address string, amount models.Amount) string {
	return fmt.Sprintf("ethereum:%s@%d/transfer?address=%s&uint256=%d", token, chainID, address, int64(amount))
}

// transferMethod is the token's transfer(address,uint256) (ERC-20).
var transferMethod = newTransferMethod()

func newTransferMethod() abi.Method {
	argument := func(kind string) abi.Argument {
		parsed, err := abi.NewType(kind, "", nil)
		if err != nil {
			panic(err) // only for a type that does not exist
		}
		return abi.Argument{Type: parsed}
	}
	return abi.NewMethod("transfer", "transfer", abi.Function, "nonpayable", false, false,
		abi.Arguments{argument("address"), argument("uint256")}, nil)
}

// transferCall returns the call data that transfers an amount of the token to an address, in hex.
func transferCall(address string, amount models.Amount) (string, error) {
	arguments, err := transferMethod.Inputs.Pack(common.HexToAddress(address), big.NewInt(int64(amount)))
	if err != nil {
		return "", fmt.Errorf("encode the transfer: %w", err)
	}
	return hexutil.Encode(slices.Concat(transferMethod.ID, arguments)), nil
}

// QRPicture returns the QR code of a text as an SVG document.
func QRPicture(text string) (string, error) {
	size, path, err := qrCode(text)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]d %[1]d" shape-rendering="crispEdges">`+
		`<rect width="%[1]d" height="%[1]d" fill="#fff"/><path d="%[2]s"/></svg>`, size, path), nil
}
