using System.Text;
using Microsoft.Win32.SafeHandles;
using Vireo.Surface;

namespace Vireo.Cli.Output;

/// <summary>The three streams of the program, and what is known of the people at them.</summary>
internal sealed class Terminal : IDisposable
{
    private bool _progressShown;

    /// <summary>The program's own streams.</summary>
    public Terminal()
        : this(
            new StreamWriter(StandardOutput(!Console.IsOutputRedirected), new UTF8Encoding(false), 32 << 10),
            new StreamWriter(Console.OpenStandardError(), new UTF8Encoding(false), 1024) { AutoFlush = true },
            null,
            outIsScreen: !Console.IsOutputRedirected,
            errorIsScreen: !Console.IsErrorRedirected,
            isInteractive: !Console.IsInputRedirected && !Console.IsErrorRedirected)
    {
    }

    /// <summary>Streams for a test.</summary>
    public Terminal(TextWriter output, TextWriter error, TextReader? input, bool outIsScreen, bool errorIsScreen, bool isInteractive)
    {
        Out = output;
        Error = error;
        Input = input;
        OutIsScreen = outIsScreen;
        ErrorIsScreen = errorIsScreen;
        IsInteractive = isInteractive;
    }

    public TextWriter Out { get; }

    public TextWriter Error { get; }

    /// <summary>Somebody answers questions.</summary>
    public bool IsInteractive { get; }

    public bool OutIsScreen { get; }

    private TextReader? Input { get; }

    private bool ErrorIsScreen { get; }

    /// <summary>Columns of the screen; 0 when the output is no screen.</summary>
    public int Width => OutIsScreen ? Console.WindowWidth : 0;

    /// <summary>A line on standard error, in red on a screen.</summary>
    public void WriteError(string line) => WriteNote(line, "\e[31m");

    /// <summary>A line on standard error, in yellow on a screen.</summary>
    public void WriteWarning(string line) => WriteNote(line, "\e[33m");

    /// <summary>A line on standard error.</summary>
    public void WriteNote(string line, string colour = "")
    {
        ClearProgress();
        Error.Write(ErrorIsScreen && colour.Length > 0 ? $"{colour}{line}\e[0m\n" : line + "\n");
    }

    /// <summary>Shows progress on the last line of a screen; nothing elsewhere.</summary>
    public void ShowProgress(ProgressRecord progress)
    {
        if (!ErrorIsScreen)
        {
            return;
        }

        const int bar = 20;
        var text = $"{CellText.Harmless(progress.Activity)}: {CellText.Harmless(progress.Status)}";
        if (progress.Percent >= 0)
        {
            var full = Math.Min(progress.Percent, 100) * bar / 100;
            text = $"[{new string('#', full)}{new string(' ', bar - full)}] {Math.Min(progress.Percent, 100),3}% {text}";
        }

        var width = Math.Max(20, Console.WindowWidth - 1);
        Error.Write($"\r\e[K{(text.Length > width ? text[..width] : text)}");
        _progressShown = true;
    }

    /// <summary>Takes the progress away.</summary>
    public void ClearProgress()
    {
        if (_progressShown)
        {
            _progressShown = false;
            Error.Write("\r\e[K");
        }
    }

    /// <summary>Asks; the empty answer is yes, the end of the input is no.</summary>
    public Answer Ask(QuestionRecord question)
    {
        ClearProgress();
        Error.Write($"{CellText.Harmless(question.Caption)}\n{CellText.Harmless(question.Message)}\n");
        for (; ; )
        {
            Error.Write("[Y] Yes  [A] Yes to All  [N] No  [L] No to All  (default is \"Y\"): ");
            switch ((Input ?? Console.In).ReadLine()?.Trim().ToUpperInvariant())
            {
                case "" or "Y" or "YES":
                    return Answer.Yes;
                case "A":
                    return Answer.YesToAll;
                case "N" or "NO" or null:
                    return Answer.No;
                case "L":
                    return Answer.NoToAll;
                default:
                    break;
            }
        }
    }

    /// <summary>Asks for a line; null is the end of the input.</summary>
    public string? Prompt(string question)
    {
        ClearProgress();
        Error.Write(question);
        return (Input ?? Console.In).ReadLine();
    }

    /// <summary>Asks for yes or no; the end of the input is no.</summary>
    public bool Confirm(string question)
    {
        while (true)
        {
            switch (Prompt($"  {CellText.Harmless(question)} [Y/N]: ")?.Trim().ToUpperInvariant())
            {
                case "Y" or "YES":
                    return true;
                case "N" or "NO" or "QUIT" or null:
                    return false;
                default:
                    break;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            ClearProgress();
            Error.Flush();
            Out.Flush();
        }
        catch (IOException)
        {
            // The reader is gone, and the run has ended with that or said so.
        }
    }

    /// <summary>
    /// The output. The console's own stream takes a pipe that nobody reads for written, so that a command that follows something would
    /// never end; a plain stream on the descriptor throws. It keeps an offset of its own, though, which is wrong for a file that several
    /// programs write one after the other: files, and the screen, stay with the console's.
    /// </summary>
    private static Stream StandardOutput(bool isScreen)
    {
        if (!isScreen)
        {
            var plain = new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);
            if (!plain.CanSeek)
            {
                return plain;
            }
        }

        return Console.OpenStandardOutput();
    }
}
