using System.Text;
using Vireo.Machines.HyperV;
using Vireo.Machines.Tests.HyperV;
using Vireo.Testing;

namespace Vireo.Fuzz.Tests.Machines;

/// <summary>
/// Configurations of Hyper-V, damaged: <see cref="XmlSettings"/>, <see cref="BinarySettings"/> and <see cref="ForeignMachine"/> give a machine or the one
/// error they promise, in bounded time and memory.
/// </summary>
public sealed class ForeignConfigurationFuzz
{
    private const int Rounds = 3000;
    private readonly Random _random;

    public ForeignConfigurationFuzz()
    {
        var seed = TestSeed.Next();
        _random = new(seed);
    }

    [Fact]
    public void Xml_is_read_or_refused()
    {
        byte[][] whole =
        [
            XmlSettingsWriter.Write(ForeignFixtures.GenerationOne(), Encoding.Unicode, withMark: true),
            XmlSettingsWriter.Write(ForeignFixtures.GenerationTwo(), new UTF8Encoding(false), withMark: false),
        ];
        Run(whole, static bytes => XmlSettings.Parse(bytes));
    }

    [Fact]
    public void Binary_files_are_read_or_refused()
    {
        byte[][] whole = [BinarySettingsWriter.Write(ForeignFixtures.GenerationOne(), 2048), BinarySettingsWriter.Write(ForeignFixtures.GenerationTwo())];
        Run(whole, static bytes => BinarySettings.Parse(bytes));
    }

    private void Run(byte[][] whole, Func<byte[], SettingsNode> parse)
    {
        var read = 0;
        for (var round = 0; round < Rounds; round++)
        {
            try
            {
                ForeignMachine.Read(parse(Damage(whole[_random.Next(whole.Length)])), DateTime.UnixEpoch);
                read++;
            }
            catch (SettingsFormatException)
            {
                // Refused, as promised.
            }
        }

        // Damage that no file survives would test nothing behind the first check.
        Assert.InRange(read, Rounds / 100, Rounds);
    }

    private byte[] Damage(byte[] whole)
    {
        var bytes = (byte[])whole.Clone();
        for (var damages = _random.Next(6); damages > 0; damages--)
        {
            var at = _random.Next(bytes.Length);
            switch (_random.Next(5))
            {
                case 0:
                    bytes[at] = (byte)_random.Next(256);
                    break;
                case 1:
                    // Lengths and offsets are little-endian numbers.
                    BitConverter.TryWriteBytes(bytes.AsSpan(at, Math.Min(4, bytes.Length - at)), _random.Next());
                    break;
                case 2:
                    bytes.AsSpan(at, Math.Min(_random.Next(40), bytes.Length - at)).Fill(0xFF);
                    break;
                case 3:
                    bytes.AsSpan(_random.Next(bytes.Length / 2), bytes.Length / 4).CopyTo(bytes.AsSpan(_random.Next(bytes.Length / 2)));
                    break;
                default:
                    bytes = _random.Next(4) == 0 ? bytes[..Math.Max(1, at)] : bytes;
                    break;
            }
        }

        return bytes;
    }
}
