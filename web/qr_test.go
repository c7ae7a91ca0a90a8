package web

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A payment's code is drawn once. A code that may hold a secret, such as that of a second factor, is not kept.
func TestPaymentCodesAreDrawnOnce(t *testing.T) {
	t.Parallel()
	const address = "0x00000000000000000000000000000000000000Aa" // of this test only
	first, err := paymentCode(address)
	require.NoError(t, err)
	drawn, err := drawQRCode(address)
	require.NoError(t, err)
	require.Equal(t, drawn, first)
	require.NotEmpty(t, first.path)
	paymentCodes.Add(address, qrCode{path: "kept"})
	second, err := paymentCode(address)
	require.NoError(t, err)
	require.Equal(t, "kept", second.path)
	paymentCodes.Add(address, drawn)
	_, err = QRPicture("otpauth://totp/secret")
	require.NoError(t, err)
	require.False(t, paymentCodes.Contains("otpauth://totp/secret"))
}
