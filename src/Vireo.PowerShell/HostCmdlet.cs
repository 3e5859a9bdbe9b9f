using System.Management.Automation;
using Microsoft.HyperV.PowerShell;
using Vireo.Client;
using Vireo.Surface;
using ErrorRecord = Vireo.Surface.ErrorRecord;
using HostProgress = Vireo.Surface.ProgressRecord;
using HostVerbose = Vireo.Surface.VerboseRecord;
using HostWarning = Vireo.Surface.WarningRecord;

namespace Vireo.PowerShell;

/// <summary>
/// Base of every cmdlet of the module. It sends the bound parameters to the host and writes the records that come back to PowerShell's
/// streams; what the command does, and every rule about it, is the host's.
/// </summary>
public abstract class HostCmdlet : PSCmdlet, IDisposable
{
    private static int s_activities;
    private readonly CancellationTokenSource _stop = new();
    private readonly int _activity = Interlocked.Increment(ref s_activities);
    private bool _progressShown;
    private bool _yesToAll;
    private bool _noToAll;

    private protected abstract string CommandName { get; }

    private protected abstract bool SupportsShouldProcess { get; }

    private protected abstract ConfirmImpact Impact { get; }

    private protected abstract PathRule PathRuleOf(string parameter);

    /// <inheritdoc/>
    public void Dispose()
    {
        _stop.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <inheritdoc/>
    protected override void StopProcessing() => _stop.Cancel();

    /// <inheritdoc/>
    protected override void ProcessRecord()
    {
        foreach (var (connection, about, objects) in Targets())
        {
            var request = Request(connection, about, objects);
            if (IsOn("AsJob") == true)
            {
                // Nobody answers a job: what would happen is said by the host.
                var job = new VMJob(MyInvocation.Line, CommandName, GetType().FullName!, connection, request with { Interactive = false, WhatIf = OnlySays() });
                JobRepository.Add(job);
                job.Start();
                WriteObject(job);
            }
            else
            {
                Run(connection, request);
            }
        }
    }

    /// <summary>
    /// The hosts that were named; the hosts of the objects that the command is about, each with its own of them; else this machine. A
    /// parameter that takes the pipeline says what a command is about; objects of others, a template for example, may be from anywhere.
    /// </summary>
    private IEnumerable<(HostConnection Connection, string? About, object[]? Objects)> Targets()
    {
        if (MyInvocation.BoundParameters.TryGetValue("ComputerName", out var names) && names is string[] computers)
        {
            var credentials = MyInvocation.BoundParameters.TryGetValue("Credential", out var given) ? given as PSCredential[] : null;
            for (var i = 0; i < computers.Length; i++)
            {
                if (Connection(computers[i], credentials is null ? null : credentials[Math.Min(i, credentials.Length - 1)]) is { } connection)
                {
                    yield return (connection, null, null);
                }
            }

            yield break;
        }

        var about = MyInvocation.BoundParameters.Where(static given => Items(given.Value).Any(static item => HostOf(item) is not null))
            .Select(static given => given.Key).OrderBy(name => TakesPipeline(name) ? 0 : 1).FirstOrDefault();
        if (about is null)
        {
            if (Connection(null, null) is { } local)
            {
                yield return (local, null, null);
            }

            yield break;
        }

        foreach (var sameHost in Items(MyInvocation.BoundParameters[about]).GroupBy(HostOf))
        {
            if ((sameHost.Key ?? Connection(null, null)) is { } connection)
            {
                yield return (connection, about, [.. sameHost]);
            }
        }
    }

    private static IEnumerable<object> Items(object? value) => value switch { null => [], Array items => items.OfType<object>(), _ => [value] };

    private static HostConnection? HostOf(object? value) => value is VirtualizationObject { LiveSource: LiveObjects live } ? live.Host : null;

    private bool TakesPipeline(string parameter) =>
        MyInvocation.MyCommand.Parameters.TryGetValue(parameter, out var metadata)
        && (metadata.ParameterSets.TryGetValue(ParameterSetName, out var place) || metadata.ParameterSets.TryGetValue(ParameterAttribute.AllParameterSets, out place))
        && place.ValueFromPipeline;

    private HostConnection? Connection(string? computer, PSCredential? credential)
    {
        try
        {
            return HostConnection.To(computer, credential);
        }
        catch (FormatException error)
        {
            WriteError(Failure("InvalidParameter", ErrorCategory.InvalidArgument, error.Message, computer, error));
        }
        catch (HostUnreachableException error)
        {
            WriteError(Failure(error.ErrorId, Category(error.Category), error.Message, computer, error));
        }

        return null;
    }

    private CommandRequest Request(HostConnection connection, string? about, object[]? objects)
    {
        var asks = Asks();
        using var asTheyAre = LiveObjects.Suspend();
        return new CommandRequest
        {
            Parameters = Json.Object(writer =>
            {
                foreach (var (name, value) in MyInvocation.BoundParameters)
                {
                    if (name is not ("ComputerName" or "Credential" or "AsJob") && !CommonParameters.Contains(name) && !OptionalCommonParameters.Contains(name))
                    {
                        writer.WritePropertyName(name);
                        Json.Write(writer, Located(name, name == about && value is Array ? objects : value, isLocal: connection.Client.Address.SocketPath is not null));
                    }
                }
            }),
            ParameterSet = ParameterSetName,
            Confirm = asks ? true : MyInvocation.BoundParameters.ContainsKey("Confirm") ? false : null,
            ConfirmPreference = "None",
            Verbose = IsVerbose(),
            Interactive = true,
        };
    }

    /// <summary>Whether PowerShell would ask, or only say, for an action of this command; then the host asks back before each.</summary>
    private bool Asks()
    {
        if (!SupportsShouldProcess)
        {
            return false;
        }

        if (OnlySays())
        {
            return true;
        }

        return IsOn("Confirm")
            ?? (GetVariableValue("ConfirmPreference") is ConfirmImpact preference && preference != ConfirmImpact.None && Impact >= preference);
    }

    /// <summary>Whether <c>-WhatIf</c> holds, by itself or by preference.</summary>
    private bool OnlySays() => SupportsShouldProcess && (IsOn("WhatIf") ?? LanguagePrimitives.IsTrue(GetVariableValue("WhatIfPreference")));

    private bool IsVerbose() => IsOn("Verbose") ?? (GetVariableValue("VerbosePreference") is ActionPreference preference && preference != ActionPreference.SilentlyContinue);

    private bool? IsOn(string parameter) =>
        MyInvocation.BoundParameters.TryGetValue(parameter, out var value) ? value is SwitchParameter { IsPresent: true } : null;

    /// <summary>A path below the current location of the file system, which a host on another machine does not have.</summary>
    private object? Located(string parameter, object? value, bool isLocal)
    {
        var rule = PathRuleOf(parameter);
        return rule == PathRule.None ? value : value switch
        {
            string path => Absolute(path, rule, isLocal),
            string[] paths => paths.Select(path => Absolute(path, rule, isLocal)).ToArray(),
            _ => value,
        };
    }

    private string Absolute(string path, PathRule rule, bool isLocal)
    {
        if (HostPath.Refusal(path) is { } refusal)
        {
            ThrowTerminatingError(Failure("InvalidParameter", ErrorCategory.InvalidArgument, refusal, path));
        }

        return !isLocal || path.Length == 0 || path.Contains("://", StringComparison.Ordinal) || path.StartsWith(@"\\", StringComparison.Ordinal) || (rule == PathRule.KeepBareName && path.AsSpan().IndexOfAny('/', '\\') < 0)
            ? path
            : GetUnresolvedProviderPathFromPSPath(path);
    }

    private void Run(HostConnection connection, CommandRequest request)
    {
        if (!CommandName.StartsWith("Get-", StringComparison.Ordinal))
        {
            connection.Changed();
        }

        var records = connection.Client.SendAsync(CommandName, request, _stop.Token).GetAsyncEnumerator(CancellationToken.None);
        try
        {
            while (Next(records))
            {
                Write(connection, records.Current);
            }
        }
        catch (HostUnreachableException error)
        {
            WriteError(Failure(error.ErrorId, Category(error.Category), error.Message, null, error));
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The pipeline is being stopped; it says so itself.
            return;
        }
        finally
        {
            records.DisposeAsync().AsTask().GetAwaiter().GetResult();
            if (!CommandName.StartsWith("Get-", StringComparison.Ordinal))
            {
                connection.Changed();
            }
        }

        if (_progressShown)
        {
            _progressShown = false;
            WriteProgress(new System.Management.Automation.ProgressRecord(_activity, CommandName, "Completed") { RecordType = ProgressRecordType.Completed });
        }
    }

    /// <summary>Waits on the pipeline's thread, because only that may write.</summary>
    private static bool Next(IAsyncEnumerator<CommandRecord> records) => records.MoveNextAsync().AsTask().GetAwaiter().GetResult();

    private void Write(HostConnection connection, CommandRecord record)
    {
        switch (record)
        {
            case ObjectRecord item:
                var value = ModelObjects.Read(item);
                connection.Live.Adopt(value);
                WriteObject(value);
                break;
            case ErrorRecord error:
                WriteError(Failure(error.ErrorId, Category(error.Category), error.Message, error.Target));
                break;
            case HostWarning warning:
                WriteWarning(warning.Message);
                break;
            case HostVerbose verbose:
                WriteVerbose(verbose.Message);
                break;
            case HostProgress progress:
                _progressShown = true;
                WriteProgress(new System.Management.Automation.ProgressRecord(_activity, NotEmpty(progress.Activity), NotEmpty(progress.Status)) { PercentComplete = Math.Clamp(progress.Percent, -1, 100) });
                break;
            case QuestionRecord question:
                var yes = question.Kind == QuestionKind.ShouldProcess
                    ? ShouldProcess(question.Target, question.Action)
                    : ShouldContinue(question.Message, question.Caption, ref _yesToAll, ref _noToAll);
                connection.Client.ReplyAsync(question.Id, yes ? Answer.Yes : Answer.No, _stop.Token).GetAwaiter().GetResult();
                break;
            default:
                break;
        }
    }

    private static string NotEmpty(string text) => text.Length == 0 ? " " : text;

    private static ErrorCategory Category(string name) => Enum.TryParse<ErrorCategory>(name, out var category) ? category : ErrorCategory.NotSpecified;

    private static System.Management.Automation.ErrorRecord Failure(string id, ErrorCategory category, string message, object? target, Exception? inner = null) =>
        new(new VirtualizationException(message, id, category, inner), id, category, target);
}
