using System.Text;
using Vireo.Smb;
using Vireo.Smb.Security;

namespace Vireo.Disks.Tests.Smb;

/// <summary>What keeps a session safe, against the vectors of the standards.</summary>
public sealed class SecurityTests
{
    /// <summary>RFC 1320, A.5.</summary>
    [Theory]
    [InlineData("", "31D6CFE0D16AE931B73C59D7E0C089C0")]
    [InlineData("abc", "A448017AAF21D8525FC10AE87AA6729D")]
    [InlineData("12345678901234567890123456789012345678901234567890123456789012345678901234567890", "E33B4DDC9C38F2199C3E7B164FCC0536")]
    public void Md4_is_that_of_the_standard(string text, string hash) => Assert.Equal(hash, Convert.ToHexString(Md4.Hash(Encoding.ASCII.GetBytes(text))));

    /// <summary>RFC 6229: 40-bit key.</summary>
    [Fact]
    public void Rc4_is_that_of_the_standard() =>
        Assert.Equal("B2396305F03DC027CCC3524A0A1118A8", Convert.ToHexString(Rc4.Apply([1, 2, 3, 4, 5], new byte[16])));

    /// <summary>RFC 4493, 4.</summary>
    [Theory]
    [InlineData(0, "BB1D6929E95937287FA37D129B756746")]
    [InlineData(16, "070A16B46B4D4144F79BDD9DD04A287C")]
    [InlineData(40, "DFA66747DE9AE63030CA32611497C827")]
    [InlineData(64, "51F0BEBF7E3B9D92FC49741779363CFE")]
    public void The_code_of_a_message_is_that_of_the_standard(int length, string code)
    {
        var message = Convert.FromHexString("6BC1BEE22E409F96E93D7E117393172AAE2D8A571E03AC9C9EB76FAC45AF8E5130C81C46A35CE411E5FBC1191A0A52EFF69F2445DF4F9B17AD2B417BE66C3710");
        using var signer = new SmbSigner(Convert.FromHexString("2B7E151628AED2A6ABF7158809CF4F3C"), useGmac: false);
        var found = new byte[16];
        signer.Cmac(message.AsSpan(0, length), found);
        Assert.Equal(code, Convert.ToHexString(found));
    }

    /// <summary>[MS-NLMP] 4.2.4.</summary>
    [Fact]
    public void The_answer_to_a_challenge_is_that_of_the_standard()
    {
        var key = Ntlm.Key("User", "Domain", "Password");
        Assert.Equal("0C868A403BFD7A93A3001EF22EF02E3F", Convert.ToHexString(key));
        var info = Convert.FromHexString("02000C0044006F006D00610069006E0001000C005300650072007600650072000000" + "0000");
        var answer = Ntlm.Answer(key, Convert.FromHexString("0123456789ABCDEF"), Convert.FromHexString("AAAAAAAAAAAAAAAA"), 0, info, out var sessionKey);
        Assert.Equal("68CD0AB851E51C96AABC927BEBEF6A1C", Convert.ToHexString(answer.AsSpan(0, 16)));
        Assert.Equal("8DE40CCADBC14A82F15CB0AD0DE95CA3", Convert.ToHexString(sessionKey));
    }

    [Fact]
    public void A_login_never_shows_its_password() => Assert.DoesNotContain("hidden", new SmbLogin("me", "there", "hidden").ToString(), StringComparison.Ordinal);
}
