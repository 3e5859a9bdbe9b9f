using System.Text;
using System.Text.Json;
using Vireo.Platform.Text;

namespace Vireo.Platform.Tests.Text;

public sealed class UnicodeJsonTests
{
    [Theory]
    [InlineData("""{"a":["\ud83d\ude00","é","\\ud800","\\\\",1,null]}""")]
    [InlineData("""{"\ud83d\ude00":"\u0000\n\/"}""")]
    [InlineData(""" "\uD83D\uDE00\uD83D\uDE00" """)]
    public void Unicode_is_read_as_it_is(string json)
    {
        var value = UnicodeJson.Parse(Encoding.UTF8.GetBytes(json), 64);
        UnicodeJson.RequireUnicode(value);
        using var plain = JsonDocument.Parse(json);
        Assert.True(JsonElement.DeepEquals(plain.RootElement, value));
    }

    [Theory]
    [InlineData("""["\ud800"]""")]
    [InlineData("""["\udc00"]""")]
    [InlineData("""["\ude00\ud83d"]""")]
    [InlineData("""["\ud83d\ud83d\ude00"]""")]
    [InlineData("""["\ud83d \ude00"]""")]
    [InlineData("""["\ud83d\n\ude00"]""")]
    [InlineData("""{"\ud800":1}""")]
    [InlineData("""{"a":{"b\udfff":1}}""")]
    public void Half_of_a_pair_is_refused_in_names_and_texts(string json)
    {
        Assert.Throws<JsonException>(() => UnicodeJson.Parse(Encoding.UTF8.GetBytes(json), 64));
        using var plain = JsonDocument.Parse(json);
        Assert.Throws<JsonException>(() => UnicodeJson.RequireUnicode(plain.RootElement));
    }

    [Theory]
    [InlineData("\"a\xff\"")]
    [InlineData("[[[[[]]]]]")]
    [InlineData("""["\u12"]""")]
    [InlineData("{}{}")]
    [InlineData("")]
    public void What_is_no_json_is_refused(string json) =>
        Assert.ThrowsAny<JsonException>(() => UnicodeJson.Parse(Encoding.Latin1.GetBytes(json), 4));
}
